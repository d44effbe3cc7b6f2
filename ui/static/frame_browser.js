// All frames of a film in a grid that draws only what is in sight. Select with clicks, Shift and Ctrl, or the arrow keys;
// drag a selection, or move it with Alt and an arrow; Delete drops it; C cuts a shot. Every change is sent as a correction.
const GAP = 4;          // pixels between frames
const AHEAD = 2;        // rows drawn beyond what is in sight
const CLICK = 5;        // pixels that a pointer moves before a click becomes a drag
const ZOOM = 24;        // pixels that a key makes the frames wider or narrower
const EDGE = 40;        // pixels at the edge of the grid within which a drag scrolls it

let data = null, cells = [], width = 120, current = 0, anchor = 0, drag = null;
let selected = new Set();

const grid = () => element.querySelector('.rw-grid');
const canvas = () => element.querySelector('.rw-grid-canvas');
const columns = () => Math.max(1, Math.floor((grid().clientWidth + GAP) / (width + GAP)));
const cellHeight = () => Math.round(width * data.height / data.width) + GAP;
const rows = () => Math.ceil(cells.length / columns());
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const load = () => {
    const source = element.querySelector('[data-frames]');
    if (!source) { data = null; return; }
    const loaded = JSON.parse(source.textContent), kept = data && data.key === loaded.key ? [...selected] : [];
    data = loaded;
    data.row = new Map(data.frames.map((frame, row) => [frame, row]));
    data.start = new Map(data.shots);
    cells = [...data.order.map(frame => ({frame})), ...data.dropped.map(frame => ({frame, dropped: true}))];
    selected = new Set(kept.filter(frame => data.row.has(frame)));
    const followed = cells.findIndex(cell => selected.has(cell.frame));
    current = followed >= 0 ? followed : clamp(current, 0, cells.length - 1);
    anchor = current;
    draw();
};

const picture = (cell, frame) => {
    const row = data.row.get(frame), per = data.columns * data.columns, place = row % per;
    const scale = width / data.width;
    cell.style.backgroundImage = `url("${data.sheets[Math.floor(row / per)]}")`;
    cell.style.backgroundSize = `${data.columns * width}px auto`;
    cell.style.backgroundPosition = `${-(place % data.columns) * width}px ${-Math.floor(place / data.columns) * data.height * scale}px`;
};

const draw = () => {
    if (!data || !grid() || !grid().clientWidth) return;
    const across = columns(), tall = cellHeight(), focused = element.contains(document.activeElement);
    canvas().style.height = `${rows() * tall}px`;
    const first = Math.max(0, Math.floor(grid().scrollTop / tall) - AHEAD) * across;
    const last = Math.min(cells.length, (Math.ceil((grid().scrollTop + grid().clientHeight) / tall) + AHEAD) * across);
    const drawn = document.createDocumentFragment();
    for (let at = first; at < last; at++) {
        const {frame, dropped} = cells[at], cell = document.createElement('div');
        cell.className = 'rw-cell';
        cell.id = `${element.id || 'frames'}-${at}`;
        cell.setAttribute('role', 'option');
        cell.setAttribute('aria-selected', String(selected.has(frame)));
        const shot = dropped ? undefined : data.start.get(frame), begins = shot !== undefined;
        const label = dropped ? reelweaveText('frame_dropped', {frame}) : begins ? reelweaveText('frame_begins', {frame, position: at + 1, shot}) : reelweaveText('frame', {frame, position: at + 1});
        cell.setAttribute('aria-label', label);
        if (begins && data.shots.length > 1) cell.dataset.shot = reelweaveText('shot', {shot});
        cell.setAttribute('aria-posinset', at + 1);
        cell.setAttribute('aria-setsize', cells.length);
        if (dropped) cell.dataset.dropped = '';
        if (at === current) cell.dataset.current = '';
        cell.dataset.at = at;
        cell.style.left = `${at % across * (width + GAP)}px`;
        cell.style.top = `${Math.floor(at / across) * tall}px`;
        cell.style.width = `${width}px`;
        cell.style.height = `${tall - GAP}px`;
        picture(cell, frame);
        cell.innerHTML = `<span class="rw-number">${frame}</span>`;
        drawn.append(cell);
    }
    canvas().replaceChildren(drawn);
    grid().setAttribute('aria-activedescendant', `${element.id || 'frames'}-${current}`);
    if (focused) grid().focus({preventScroll: true});
    const text = selected.size ? reelweaveText('selected', {count: selected.size}) : reelweaveText('frames', {frames: data.order.length, dropped: data.dropped.length});
    element.querySelector('[data-grid=status]').textContent = text;
    for (const button of element.querySelectorAll('[data-selection]')) button.disabled = !chosen().length;
    for (const action of ['cut', 'join']) element.querySelector(`[data-grid=${action}]`).disabled = !cuts(action);
    element.querySelector('[data-grid=restore]').disabled = !chosen(true).length;
};

// The selected frames of the film, or the dropped ones, in the order that they are shown in.
const chosen = (dropped = false) => cells.filter(cell => selected.has(cell.frame) && Boolean(cell.dropped) === dropped).map(cell => cell.frame);
const show = at => {
    const top = Math.floor(at / columns()) * cellHeight();
    if (top < grid().scrollTop) grid().scrollTop = top;
    if (top + cellHeight() > grid().scrollTop + grid().clientHeight) grid().scrollTop = top + cellHeight() - grid().clientHeight;
};
const go = (at, extend) => {
    current = clamp(at, 0, cells.length - 1);
    if (!extend) anchor = current;
    select(Math.min(anchor, current), Math.max(anchor, current));
    show(current);
    draw();
};
const select = (from, to) => { selected = new Set(cells.slice(from, to + 1).map(cell => cell.frame)); };
const send = (action, item) => trigger('click', {action, item});

// Move the selection so that it plays between two frames that stay.
const moveTo = at => {
    const moved = chosen();
    if (!moved.length) return;
    const film = data.order, kept = frame => !selected.has(frame);
    let place = clamp(at, 0, film.length);
    const before = film.slice(0, place).filter(kept).at(-1), after = film.slice(place).find(kept);
    const old = film.indexOf(moved[0]);
    const same = film.slice(old, old + moved.length).every((frame, n) => frame === moved[n])
        && film[old - 1] === before && film[old + moved.length] === after;
    if (!same) send('move', JSON.stringify({frames: moved, after: before ?? null, before: after ?? null}));
};
const dropSelected = () => { if (chosen().length) send('drop_all', chosen().join(',')); };
const restoreSelected = () => { if (chosen(true).length) send('keep_all', chosen(true).join(',')); };
const shift = by => {
    const moved = chosen();
    if (!moved.length) return;
    const first = data.order.indexOf(moved[0]), last = data.order.indexOf(moved.at(-1));
    moveTo(by < 0 ? first - 1 : last + 2);
};

// A shot can be cut before the current frame, or joined to the one before where it begins with that frame.
const cuts = action => {
    const {frame, dropped} = cells[current];
    return !dropped && current > 0 && data.start.has(frame) === (action === 'join');
};
const cut = action => { if (cuts(action)) send(action, String(cells[current].frame)); };
const zoom = to => {
    const slider = element.querySelector('[data-grid=zoom]');
    slider.value = to;
    const top = grid().scrollTop / cellHeight() * columns();
    width = +slider.value;
    grid().scrollTop = top / columns() * cellHeight();
    draw();
};

const jump = text => {
    const time = text.match(/^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$|^(\d+(?:\.\d+)?)\s*s$/);
    let at;
    if (time) {
        const seconds = time[4] !== undefined ? +time[4] : (+(time[1] || 0) * 60 + +time[2]) * 60 + +time[3];
        at = Math.floor(seconds * data.fps + 0.01);
    } else {
        at = cells.findIndex(cell => cell.frame === parseInt(text, 10));
    }
    if (!(at >= 0) || at >= cells.length) { element.querySelector('[data-grid=status]').textContent = reelweaveText('no_frame', {text}); return; }
    go(at, false);
    grid().scrollTop = Math.max(0, Math.floor(at / columns()) * cellHeight() - grid().clientHeight / 2);
    grid().focus({preventScroll: true});
    draw();
};

// Where a drag would insert: before the frame under the pointer, or after it on its right half.
const placeAt = (x, y) => {
    const box = canvas().getBoundingClientRect(), across = columns();
    const row = clamp(Math.floor((y - box.top) / cellHeight()), 0, rows() - 1);
    const column = clamp(Math.round((x - box.left) / (width + GAP)), 0, across);
    return clamp(row * across + column, 0, data.order.length);
};
const mark = at => {
    const line = element.querySelector('.rw-grid-mark');
    line.hidden = at === null;
    if (at === null) return;
    const across = columns(), end = at > 0 && at % across === 0 && drag.x > grid().getBoundingClientRect().left + grid().clientWidth / 2;
    const cell = end ? at - 1 : at;
    line.style.left = `${cell % across * (width + GAP) + (end ? width : -GAP / 2 - 1)}px`;
    line.style.top = `${Math.floor(cell / across) * cellHeight()}px`;
    line.style.height = `${cellHeight() - GAP}px`;
};

element.addEventListener('pointerdown', event => {
    const cell = event.target.closest('.rw-cell');
    if (!cell || event.button) return;
    const at = +cell.dataset.at, frame = cells[at].frame;
    if (event.shiftKey) { current = at; select(Math.min(anchor, at), Math.max(anchor, at)); }
    else if (event.ctrlKey || event.metaKey) {
        if (!selected.delete(frame)) selected.add(frame);
        current = anchor = at;
    } else {
        if (!selected.has(frame)) { selected = new Set([frame]); }
        current = anchor = at;
        if (event.pointerType !== 'touch') drag = {x: event.clientX, y: event.clientY, from: frame, moving: false, pointer: event.pointerId};
    }
    grid().focus({preventScroll: true});
    draw();
});
element.addEventListener('pointermove', event => {
    if (!drag || !grid()) return;
    if (!drag.moving && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < CLICK) return;
    if (!drag.moving) { drag.moving = true; grid().setPointerCapture(drag.pointer); grid().classList.add('rw-dragging'); }
    drag.x = event.clientX;
    drag.y = event.clientY;
    const box = grid().getBoundingClientRect();
    if (event.clientY < box.top + EDGE) grid().scrollTop -= EDGE / 2;
    if (event.clientY > box.bottom - EDGE) grid().scrollTop += EDGE / 2;
    mark(placeAt(event.clientX, event.clientY));
});
const release = event => {
    if (!drag) return;
    const {moving, from} = drag;
    if (moving) { mark(null); grid().classList.remove('rw-dragging'); }
    drag = null;
    if (moving && event.type === 'pointerup') moveTo(placeAt(event.clientX, event.clientY));
    else if (!moving && event.type === 'pointerup') { selected = new Set([from]); send('frame', String(from)); }
    draw();
};
element.addEventListener('pointerup', release);
element.addEventListener('pointercancel', release);

element.addEventListener('keydown', event => {
    if (!data || !event.target.closest('.rw-grid')) return;
    const across = columns(), page = Math.max(1, Math.floor(grid().clientHeight / cellHeight())) * across;
    const steps = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, PageUp: -page, PageDown: page};
    if (event.altKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) shift(steps[event.key]);
    else if (event.ctrlKey && event.key.toLowerCase() === 'a') { select(0, data.order.length - 1); draw(); }
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === 'Escape') go(current, false);
    else if (event.key.toLowerCase() === 'c') cut(event.shiftKey ? 'join' : 'cut');
    else if (event.key === '+' || event.key === '=') zoom(width + ZOOM);
    else if (event.key === '-') zoom(width - ZOOM);
    else if (event.key.toLowerCase() === 'g') element.querySelector('[data-grid=place]').select();
    else if (event.key in steps) go(current + steps[event.key], event.shiftKey);
    else if (event.key === 'Home') go(0, event.shiftKey);
    else if (event.key === 'End') go(cells.length - 1, event.shiftKey);
    else if (event.key === 'Delete' || event.key === 'Backspace') dropSelected();
    else if (event.key === 'Insert' || event.key.toLowerCase() === 'r') restoreSelected();
    else if (event.key === 'Enter') send('frame', String(cells[current].frame));
    else return;
    event.preventDefault();
    event.stopPropagation();
});
element.addEventListener('input', event => {
    if (event.target.dataset.grid === 'zoom') zoom(+event.target.value);
});
element.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (!button) return;
    const actions = {
        cut: () => cut('cut'), join: () => cut('join'), drop: dropSelected, restore: restoreSelected, left: () => shift(-1), right: () => shift(1),
        jump: () => jump(element.querySelector('[data-grid=place]').value.trim()),
    };
    if (button.dataset.action) send(button.dataset.action, button.dataset.item);
    else if (actions[button.dataset.grid]) actions[button.dataset.grid]();
});
element.addEventListener('keydown', event => {
    if (event.key === 'Enter' && event.target.dataset.grid === 'place') { event.preventDefault(); jump(event.target.value.trim()); }
});
element.addEventListener('scroll', () => requestAnimationFrame(draw), true);
new ResizeObserver(() => draw()).observe(element);
watch('value', load);
load();
