"""The script that draws scenes of atoms on canvases, and turns them."""

from __future__ import annotations

SCENES_SCRIPT = """
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function turned([x, y, z], {yaw, pitch}) {
  const across = x * Math.cos(yaw) - y * Math.sin(yaw), deep = x * Math.sin(yaw) + y * Math.cos(yaw);
  return [across, z * Math.cos(pitch) - deep * Math.sin(pitch), z * Math.sin(pitch) + deep * Math.cos(pitch)];
}

function things(scene) {
  const move = point => point.map((value, i) => value - scene.centre[i]), found = [];
  for (const series of scene.data) {
    for (const line of series.lines || []) {
      const ends = [move(line.slice(0, 3)), move(line.slice(3))];
      const at = part => ends[0].map((value, i) => value + part * (ends[1][i] - value));
      const parts = 6;
      for (let k = 0; k < parts; k++) found.push({from: at(k / parts), to: at((k + 1) / parts), colour: series.color});
    }
    for (const face of series.faces || []) found.push({face: face.map(move), colour: series.marker.color});
    (series.x || []).forEach((x, i) => found.push({
      at: move([x, series.y[i], series.z[i]]), radius: series.marker.radius, colour: series.marker.color,
      ring: series.ring.includes(i), words: [series.name, series.text[i]].filter(Boolean).join(', ')}));
  }
  return found;
}

function sphere(pen, x, y, radius, one) {
  const light = pen.createRadialGradient(x - radius / 3, y - radius / 3, radius / 10, x, y, radius);
  light.addColorStop(0, '#ffffff');
  light.addColorStop(0.35, one.colour);
  light.addColorStop(1, one.colour);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = light;
  pen.fill();
  pen.lineWidth = 1;
  pen.strokeStyle = '#00000088';
  pen.stroke();
  if (!one.ring) return;
  pen.beginPath();
  pen.arc(x, y, radius + 4, 0, 2 * Math.PI);
  pen.lineWidth = 2.5;
  pen.strokeStyle = colour('--no');
  pen.stroke();
}

function side(pen, corners, colour) {
  const [a, b, c] = corners, to = p => p.map((value, i) => value - a[i]), [u, v] = [to(b), to(c)];
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.closePath();
  pen.globalAlpha = 0.2 + 0.35 * Math.abs(normal[2]) / Math.hypot(...normal);
  pen.fillStyle = colour;
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
  pen.strokeStyle = '#00000066';
  pen.stroke();
}

function paint(canvas, all, view) {
  const wide = canvas.clientWidth, high = canvas.clientHeight, dots = window.devicePixelRatio || 1;
  if (Math.min(wide, high) < 20) return;
  canvas.width = wide * dots;
  canvas.height = high * dots;
  const pen = canvas.getContext('2d'), size = p => Math.hypot(...p);
  const far = one => one.at ? size(one.at) + one.radius : Math.max(...(one.face || [one.from]).map(size));
  const reach = all.reduce((most, one) => Math.max(most, far(one)), 0);
  const scale = view.zoom * (Math.min(wide, high) / 2 - 6) / reach;
  const place = point => {
    const [x, y, deep] = turned(point, view);
    return [wide / 2 + scale * x, high / 2 - scale * y, deep];
  };
  pen.scale(dots, dots);
  for (const one of all) {
    const points = one.face || (one.at ? [one.at] : [one.from, one.to]);
    one.deep = points.reduce((sum, point) => sum + place(point)[2], 0) / points.length;
  }
  view.shown = [];
  for (const one of [...all].sort((a, b) => b.deep - a.deep)) {
    if (one.at) {
      const [x, y] = place(one.at);
      sphere(pen, x, y, scale * one.radius, one);
      view.shown.unshift([x, y, scale * one.radius, one.words]);
      continue;
    }
    if (one.face) {
      side(pen, one.face.map(place), one.colour);
      continue;
    }
    pen.beginPath();
    pen.moveTo(...place(one.from).slice(0, 2));
    pen.lineTo(...place(one.to).slice(0, 2));
    pen.lineWidth = one.colour === 'error' ? 3 : 1;
    pen.strokeStyle = colour(one.colour === 'error' ? '--no' : '--soft');
    pen.stroke();
  }
  canvas.dataset.drawn = 'yes';
}

function stage(canvas, scene) {
  const all = things(scene), view = {yaw: 0.35, pitch: 0.3, zoom: 1}, again = () => paint(canvas, all, view);
  const turn = (yaw, pitch) => { view.yaw += yaw; view.pitch += pitch; again(); };
  let from = null;
  canvas.addEventListener('pointerdown', event => { from = event; canvas.setPointerCapture(event.pointerId); });
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => { from = null; });
  canvas.addEventListener('pointermove', event => {
    if (from) {
      turn((event.clientX - from.clientX) / 120, (event.clientY - from.clientY) / 120);
      from = event;
    } else {
      const x = event.offsetX, y = event.offsetY, hit = view.shown.find(([a, b, r]) => Math.hypot(x - a, y - b) < r);
      canvas.title = hit ? hit[3] : '';
    }
  });
  const keys = {ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15]};
  canvas.addEventListener('keydown', event => {
    if (!keys[event.key]) return;
    turn(...keys[event.key]);
    event.preventDefault();
  });
  new ResizeObserver(again).observe(canvas);
  atNight.addEventListener('change', again);
}

for (const [name, scene] of Object.entries(scenes)) stage(document.getElementById(name), scene);
"""
