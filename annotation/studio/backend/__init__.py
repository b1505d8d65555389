"""A method behind Label Studio's protocol for machine-learning backends: points for tasks as they are opened."""
