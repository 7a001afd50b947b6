"""The HTTP interface: routes, request and response models, problem details. Only this package maps errors to statuses."""
