"""The official evaluation of FreiHAND and HO-3D written from its formulas, one hand and one point at a time."""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import cKDTree

THRESHOLDS = np.linspace(0.0, 0.05, 100)


def similarity(truth, points):
    """Rotation or reflection, its scale, size of the truth, centroids."""
    truth_centred, centred = truth - truth.mean(0), points - points.mean(0)
    truth_size = np.sqrt((truth_centred**2).sum()) + 1e-8
    size = np.sqrt((centred**2).sum()) + 1e-8
    rotation, scale = orthogonal_procrustes(truth_centred / truth_size, centred / size)
    return rotation, scale, truth_size, size


def by_similarity(truth, points):
    rotation, scale, truth_size, size = similarity(truth, points)
    return np.array([rotation @ (p - points.mean(0)) / size * scale * truth_size + truth.mean(0) for p in points])


def mesh_by_joints(truth_joints, joints, vertices):
    rotation, scale, truth_size, _ = similarity(truth_joints, joints)
    middle, shift = vertices.mean(0), truth_joints.mean(0) - joints.mean(0)
    return np.array([rotation @ (v - middle) * scale * truth_size + shift + middle for v in vertices])


def by_scale_and_translation(truth, points):
    length = np.linalg.norm(points[4] - points[0])
    scaled = points * np.linalg.norm(truth[4] - truth[0]) / (length if length > 0 else 1)
    return scaled - scaled[0] + truth[0]


def f_score(truth, points, threshold):
    near = [sum(cKDTree(b).query(a)[0] < threshold) / len(a) for a, b in ((truth, points), (points, truth))]
    return 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0


def mean_and_auc(errors):
    """Mean in mm and area under the curve of (N,P) distances: per point over the hands, then over the points."""
    means, areas = [], []
    for point in errors.T:
        means.append(np.mean(point))
        curve = np.mean(point[:, None] <= THRESHOLDS, axis=0)
        areas.append(np.trapezoid(curve, THRESHOLDS) / np.trapezoid(np.ones(100), THRESHOLDS))
    return 1000 * np.mean(means), np.mean(areas)


def official_scores(truth_joints, truth_vertices, joints, vertices):
    """Every score of both datasets by the names our records use."""
    alignments = {"": lambda t, p: p, "pa_": by_similarity, "st_": by_scale_and_translation}
    ends = {"": "_raw", "pa_": "", "st_": "_st"}
    same_mesh = vertices.shape == truth_vertices.shape
    scores, f = {}, {name: [] for name in ("f_at_5mm_raw", "f_at_15mm_raw", "f_at_5mm", "f_at_15mm")}
    for before, align in alignments.items():
        moved = [align(t, p) for t, p in zip(truth_joints, joints, strict=True)]
        errors = np.array([np.linalg.norm(t - m, axis=1) for t, m in zip(truth_joints, moved, strict=True)])
        scores[f"{before}mpjpe_mm"], scores[f"auc_j{ends[before]}"] = mean_and_auc(errors)
        if same_mesh and before != "st_":
            moved = [align(t, p) for t, p in zip(truth_vertices, vertices, strict=True)]
            errors = np.array([np.linalg.norm(t - m, axis=1) for t, m in zip(truth_vertices, moved, strict=True)])
            scores[f"{before}mpvpe_mm"], scores[f"auc_v{ends[before]}"] = mean_and_auc(errors)
    for k, truth in enumerate(truth_vertices):
        mesh = vertices[k]
        moved = by_similarity(truth, mesh) if same_mesh else mesh_by_joints(truth_joints[k], joints[k], mesh)
        for mm in (5, 15):
            f[f"f_at_{mm}mm_raw"].append(f_score(truth, mesh, mm / 1000))
            f[f"f_at_{mm}mm"].append(f_score(truth, moved, mm / 1000))
    return scores | {name: np.mean(values) for name, values in f.items()}
