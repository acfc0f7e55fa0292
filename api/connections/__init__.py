"""Connections: how endpoints are reached, and the plan of the requests that poll them."""
