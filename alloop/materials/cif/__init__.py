"""Read crystals from CIFs as databases and programs write them."""
