"""The ground: the database, who acts, ids, metrics and limits; knows neither GraphQL nor any noun."""
