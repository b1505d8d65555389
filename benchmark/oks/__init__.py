"""Average precision and recall by object keypoint similarity, through pycocotools."""
