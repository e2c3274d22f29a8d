//! What the product does. No HTTP here: services take and give the types of `shared` and fail with `AppError`.
