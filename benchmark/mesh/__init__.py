"""3D protocols: joints and meshes in metres against FreiHAND's and HO-3D's evaluation sets."""
