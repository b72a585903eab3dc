"""A campaign without physics: the real plan, loop and journal, tasks that take measured times on a virtual clock."""
