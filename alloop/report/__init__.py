"""One self-contained HTML file about a campaign, from its journal and its results."""
