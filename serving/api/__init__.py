"""The HTTP interface: routes, request and response models, problem details. Only here do errors become status codes."""
