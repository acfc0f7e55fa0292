"""Pages for people: signing in and out, the own account, where to go. Plain HTML that needs no script."""
