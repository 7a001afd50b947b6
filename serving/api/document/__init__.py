"""The document of the API: OpenAPI 3.0 and Swagger 2.0."""
