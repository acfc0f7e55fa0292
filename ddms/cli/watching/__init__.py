"""What `ddms watch` is made of: where the API is, following it, what is known, and how that is drawn."""
