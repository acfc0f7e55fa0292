"""The GraphQL API: queries, changes and live values over HTTP and websockets."""
