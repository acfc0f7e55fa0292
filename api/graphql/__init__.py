"""GraphQL's words: what the types of all nouns are written with."""
