"""A first guess for annotators: a method's keypoints, with existence and occlusion read off its scores."""
