// Play the films of a component as one: a shared scrubber, single frames, speed, a wipe, keys, and loops around gaps.
// Look up the films on every use: the component's HTML is replaced when its value changes.
const SYNC = 0.12;  // seconds that two films may drift apart before the second is moved
const END = 0.02;   // seconds before the end of a film at which a loop turns back, since the film itself would start over
const SPEEDS = [0.25, 0.5, 1, 2, 4];

let span = null;
const films = () => [...element.querySelectorAll('video')];
const part = name => element.querySelector(`[data-player="${name}"]`);
const leader = () => films().at(-1);
const step = () => 1 / (parseFloat(element.querySelector('[data-fps]')?.dataset.fps) || 25);
const length = () => Math.max(0, ...films().map(film => film.duration || 0));
const playing = () => films().some(film => !film.paused);

const seek = time => films().forEach(film => {
    film.currentTime = Math.min(Math.max(0, time), film.duration || 0);
});
const pause = () => films().forEach(film => film.pause());
const play = () => {
    if (leader().currentTime >= length() - END) seek(0);
    films().forEach(film => { film.play().catch(() => {}); });
};
const setSpeed = speed => {
    films().forEach(film => { film.playbackRate = speed; });
    if (part('speed')) part('speed').value = String(speed);
};
const faster = by => {
    const at = SPEEDS.indexOf(leader().playbackRate);
    setSpeed(SPEEDS[Math.min(Math.max(0, at + by), SPEEDS.length - 1)]);
};
const frame = by => { pause(); seek((Math.round(leader().currentTime / step()) + by + 0.5) * step()); };
const clock = seconds => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, '0')}`;

const show = () => {
    if (!films().length || !part('play')) return;
    const time = leader().currentTime;
    part('play').textContent = playing() ? reelweaveText('pause') : reelweaveText('play');
    part('play').setAttribute('aria-label', playing() ? reelweaveText('pause_both') : reelweaveText('play_both'));
    part('scrub').max = length();
    part('scrub').value = time;
    part('scrub').setAttribute('aria-valuetext', clock(time));
    part('time').textContent = reelweaveText('film_time', {time: clock(time), number: Math.floor(time / step() + 0.01)});
};

// Runs once per drawn picture while the films play.
let looping = false;
const loop = () => {
    looping = element.isConnected && playing();
    if (!looping) return;
    const time = leader().currentTime;
    if (span && (time > Math.min(span.to, length() - END) || time < span.from - 2 * step())) seek(span.from);
    for (const film of films()) {
        if (film !== leader() && film.duration > time && Math.abs(film.currentTime - time) > SYNC) film.currentTime = time;
    }
    show();
    requestAnimationFrame(loop);
};
element.addEventListener('play', () => { if (!looping) loop(); }, true);

const actions = {
    play: () => { span = null; playing() ? pause() : play(); },
    back: () => frame(-1),
    forward: () => frame(1),
    sound: button => {
        const on = leader().muted;
        leader().muted = !on;
        button.setAttribute('aria-pressed', String(on));
    },
    wipe: button => {
        const on = element.querySelector('.rw-films').classList.toggle('rw-wipe');
        button.setAttribute('aria-pressed', String(on));
        part('wiped').hidden = !on;
    },
};

element.addEventListener('click', event => {
    const pressed = event.target.closest('button');
    if (!pressed || !films().length) return;
    if (pressed.dataset.from) {
        span = {from: +pressed.dataset.from, to: +pressed.dataset.to};
        films()[0].scrollIntoView({block: 'nearest', behavior: 'smooth'});
        seek(span.from);
        play();
    } else if (actions[pressed.dataset.player]) {
        actions[pressed.dataset.player](pressed);
    }
    show();
});
element.addEventListener('input', event => {
    const field = event.target;
    if (field.dataset.player === 'scrub') { span = null; seek(+field.value); }
    if (field.dataset.player === 'speed') setSpeed(+field.value);
    if (field.dataset.player === 'wiped') element.querySelector('.rw-films').style.setProperty('--wipe', `${field.value}%`);
});
for (const name of ['play', 'pause', 'seeked', 'loadedmetadata', 'ended']) element.addEventListener(name, show, true);

// J, K and L as in editors: back, pause, play and then faster; the arrow keys step by a frame while the player has the focus.
const pressed = event => {
    if (!element.isConnected) return document.removeEventListener('keydown', pressed);
    if (event.ctrlKey || event.metaKey || event.altKey || !films().length || leader().offsetParent === null) return;
    const where = event.target;
    if (where.closest && where.closest('textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])')) return;
    const key = event.key.toLowerCase(), here = element.contains(where) && !where.closest('input');
    if (key === 'k') pause();
    else if (key === 'l') playing() ? faster(1) : (setSpeed(1), play());
    else if (key === 'j') { setSpeed(1); seek(leader().currentTime - 1); }
    else if (here && event.key === 'ArrowLeft') frame(-1);
    else if (here && event.key === 'ArrowRight') frame(1);
    else return;
    event.preventDefault();
    show();
};
document.addEventListener('keydown', pressed);

// Seek to the position that was clicked in a chart elsewhere on the page: see seek.js.
const seekRequested = event => {
    if (!element.isConnected) return window.removeEventListener('reelweave-seek', seekRequested);
    if (event.detail.films !== element.id && !element.closest(`#${event.detail.films}`) || !films().length) return;
    span = null;
    seek(event.detail.share * (films()[event.detail.film] || leader()).duration);
    films()[0].scrollIntoView({block: 'nearest', behavior: 'smooth'});
    show();
};
window.addEventListener('reelweave-seek', seekRequested);
watch('value', () => { span = null; show(); });
