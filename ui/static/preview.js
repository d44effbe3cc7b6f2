// Play the frames of a `data-preview` picture under the pointer, while it is touched, or while it has the keyboard focus.
// In a `data-scrub` strip, the place of the pointer or the arrow keys choose the frame instead, and a click keeps it.
const FRAME_TIME = 150;  // milliseconds for which a frame is shown
const HOLD = 300;        // milliseconds after which a touch shows the preview rather than clicking
let shown = null, timer = 0, held = 0;
const still = matchMedia('(prefers-reduced-motion: reduce)');

const overlay = part => part.querySelector('.rw-sprite') || part.appendChild(Object.assign(document.createElement('span'), {className: 'rw-sprite'}));
const drawFrame = (part, at) => {
    const {preview, frames, width, height} = part.dataset, tile = overlay(part);
    const box = part.hasAttribute('data-scrub') ? {width: +width, height: +height} : (part.querySelector('img') || part).getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    tile.style.width = `${width * scale}px`;
    tile.style.height = `${height * scale}px`;
    if (!part.hasAttribute('data-scrub')) {
        tile.style.left = `${(box.width - width * scale) / 2}px`;
        tile.style.top = `${(box.height - height * scale) / 2}px`;
    }
    tile.style.backgroundImage = `url("${preview}")`;
    tile.style.backgroundSize = `${frames * 100}% 100%`;
    tile.style.backgroundPosition = `${frames > 1 ? at / (frames - 1) * 100 : 0}% 0`;
    tile.style.setProperty('--done', `${(at + 1) / frames * 100}%`);
    tile.hidden = false;
    part.dataset.frame = at;
};
const stop = () => {
    clearInterval(timer);
    clearTimeout(held);
    if (shown) overlay(shown).hidden = true;
    shown = null;
};
const play = part => {
    if (shown === part) return;
    stop();
    shown = part;
    let at = 0;
    drawFrame(part, at);
    if (still.matches) return;
    timer = setInterval(() => {
        if (!part.isConnected) return stop();
        at = (at + 1) % part.dataset.frames;
        drawFrame(part, at);
    }, FRAME_TIME);
};

const clock = seconds => {
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
};
const timeOf = (strip, at) => at / Math.max(1, strip.dataset.frames - 1) * strip.dataset.seconds;
const scrub = (strip, at) => {
    if (shown !== strip) stop();
    shown = strip;
    const last = strip.dataset.frames - 1, tile = overlay(strip);
    at = Math.min(Math.max(at, 0), last);
    drawFrame(strip, at);
    tile.dataset.time = clock(timeOf(strip, at));
    const room = strip.clientWidth - tile.offsetWidth, share = last ? at / last : 0;
    tile.style.left = `${Math.min(Math.max(0, share * strip.clientWidth - tile.offsetWidth / 2), Math.max(0, room))}px`;
};
// The frame that the row's own button acts on.
const keep = (strip, at) => {
    const time = timeOf(strip, at).toFixed(3), row = strip.closest('li');
    strip.setAttribute('aria-valuenow', at);
    strip.setAttribute('aria-valuetext', clock(time));
    strip.style.setProperty('--kept', `${at / Math.max(1, strip.dataset.frames - 1) * 100}%`);
    strip.dataset.kept = at;
    const similar = row && row.querySelector('[data-similar]');
    if (!similar) return;
    similar.href = `#search/near=${encodeURIComponent(`${similar.dataset.similar}@${time}`)}`;
    similar.setAttribute('aria-label', `${similar.dataset.label} ${clock(time)}`);
    similar.title = similar.getAttribute('aria-label');
};
const frameAt = (strip, x) => {
    const box = strip.getBoundingClientRect();
    return Math.min(Math.max(0, Math.floor((x - box.left) / box.width * strip.dataset.frames)), strip.dataset.frames - 1);
};
const partOf = event => event.target.closest && event.target.closest('[data-preview]');

element.addEventListener('pointermove', event => {
    const part = partOf(event);
    if (part && part.hasAttribute('data-scrub')) scrub(part, frameAt(part, event.clientX));
    else if (part && event.pointerType !== 'touch') {
        if (still.matches) { if (shown !== part) play(part); drawFrame(part, frameAt(part, event.clientX)); } else play(part);
    }
    else if (!part && event.pointerType !== 'touch') stop();
});
element.addEventListener('pointerleave', event => { if (event.pointerType !== 'touch') stop(); });
element.addEventListener('pointerdown', event => {
    const part = partOf(event);
    if (event.pointerType !== 'touch' || !part || part.hasAttribute('data-scrub')) return;
    held = setTimeout(() => play(part), HOLD);
});
for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, event => { if (event.pointerType === 'touch') stop(); });
element.addEventListener('contextmenu', event => { if (partOf(event) && shown) event.preventDefault(); });
element.addEventListener('click', event => {
    const part = partOf(event);
    if (!part || !part.hasAttribute('data-scrub')) return;
    const at = event.detail ? frameAt(part, event.clientX) : +part.dataset.kept;
    keep(part, at);
    scrub(part, at);
});
element.addEventListener('focusin', event => {
    const part = partOf(event);
    if (!part || !event.target.matches(':focus-visible')) return;
    if (part.hasAttribute('data-scrub')) scrub(part, +part.dataset.kept); else play(part);
});
element.addEventListener('focusout', stop);
element.addEventListener('keydown', event => {
    const strip = partOf(event);
    if (!strip || !strip.hasAttribute('data-scrub') || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = strip.dataset.frames - 1, at = +strip.dataset.kept;
    const moved = {ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: last}[event.key];
    if (moved === undefined) return;
    event.preventDefault();
    keep(strip, Math.min(Math.max(moved, 0), last));
    scrub(strip, +strip.dataset.kept);
});
