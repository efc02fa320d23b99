// What a drag does to a pose: a list of [x, y, visibility]. Poses are never changed in place.

const there = (pose, joints) => joints.length > 0 && joints.every((k) => pose[k][2] > 0);
const middle = (pose, joints) => [0, 1].map((i) => joints.reduce((s, k) => s + pose[k][i], 0) / joints.length);

export function moved(pose, joints, dx, dy) {
  const some = new Set(joints);
  return pose.map(([x, y, v], k) => (some.has(k) && v > 0 ? [x + dx, y + dy, v] : [x, y, v]));
}

function turned(pose, joints, [px, py], angle) {
  const some = new Set(joints), c = Math.cos(angle), s = Math.sin(angle);
  return pose.map(([x, y, v], k) => {
    if (!some.has(k) || !(v > 0)) return [x, y, v];
    const dx = x - px, dy = y - py;
    return [px + c * dx - s * dy, py + s * dx + c * dy, v];
  });
}

// A hand or foot goes to a place as far as the limb reaches; elbow or knee bend as they did.
function bent(pose, joint, [x, y], grip) {
  const [fixed, gives] = grip.bends;
  const [fx, fy] = pose[fixed], [gx, gy] = pose[gives], [ex, ey] = pose[joint];
  const upper = Math.hypot(gx - fx, gy - fy), lower = Math.hypot(ex - gx, ey - gy);
  if (upper < 1e-3 || lower < 1e-3) return null;
  const least = Math.abs(upper - lower) + 1e-3, most = upper + lower - 1e-3;
  const away = Math.min(most, Math.max(least, Math.hypot(x - fx, y - fy)));
  const angle = Math.atan2(y - fy, x - fx);
  const side = Math.sign((gx - fx) * (ey - fy) - (gy - fy) * (ex - fx)) || 1;
  const inner = (upper ** 2 + away ** 2 - lower ** 2) / (2 * upper * away);
  const bend = Math.acos(Math.min(1, Math.max(-1, inner)));
  const end = [fx + away * Math.cos(angle), fy + away * Math.sin(angle)];
  const at = angle - side * bend;
  const made = moved(pose, grip.moves, end[0] - ex, end[1] - ey);
  made[gives] = [fx + upper * Math.cos(at), fy + upper * Math.sin(at), pose[gives][2]];
  return made;
}

// Drag a joint to a place. `free`: it goes exactly there, and what hangs on it comes along.
export function dragged(pose, joint, [x, y], grip, free) {
  const [jx, jy] = pose[joint];
  if (free) return moved(pose, grip.carries, x - jx, y - jy);
  if (grip.bends.length && there(pose, grip.bends)) {
    const made = bent(pose, joint, [x, y], grip);
    if (made) return made;
  }
  if (there(pose, grip.pivot)) {
    const [px, py] = middle(pose, grip.pivot);
    if (Math.hypot(jx - px, jy - py) > 1e-3) {
      const angle = Math.atan2(y - py, x - px) - Math.atan2(jy - py, jx - px);
      return turned(pose, grip.moves, [px, py], angle);
    }
  }
  return moved(pose, grip.pivot.length ? grip.carries : grip.moves, x - jx, y - jy);
}

// Hide or show joints; one that was never seen comes beside the joint that it turns about.
export function shown(pose, joints, visible, grips, size) {
  return pose.map(([x, y, v], k) => {
    if (!joints.includes(k)) return [x, y, v];
    if (!visible) return [x, y, 0];
    const known = x !== 0 || y !== 0;
    if (known) return [x, y, 1];
    const pivot = grips[k].pivot.filter((p) => pose[p][2] > 0);
    const [px, py] = pivot.length ? middle(pose, pivot) : [size[1] / 2, size[0] / 2];
    return [px, py + size[0] / 16, 1];
  });
}

export const rounded = (pose) => pose.map(([x, y, v]) => [+x.toFixed(2), +y.toFixed(2), v]);
