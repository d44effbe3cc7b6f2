// Play all films of a component together, or in a loop between `data-from` and `data-to` of a button.
let span = null;
const films = () => [...element.querySelectorAll('video')];
const start = at => films().forEach(film => { film.currentTime = at; film.play(); });
element.addEventListener('click', event => {
    const pressed = event.target.closest('button');
    if (!pressed || !films().length) return;
    if (pressed.dataset.from) {
        span = {from: +pressed.dataset.from, to: +pressed.dataset.to};
        films()[0].scrollIntoView({block: 'nearest', behavior: 'smooth'});
        start(span.from);
    } else if (pressed.matches('[data-play]')) {
        span = null;
        if (films().some(film => film.paused)) start(0); else films().forEach(film => film.pause());
    } else if (pressed.matches('[data-slow]')) {
        const slow = pressed.getAttribute('aria-pressed') !== 'true';
        pressed.setAttribute('aria-pressed', String(slow));
        films().forEach(film => { film.playbackRate = slow ? 0.25 : 1; });
    }
});
element.addEventListener('timeupdate', event => {
    if (span && event.target === films()[0] && event.target.currentTime > span.to) start(span.from);
}, true);
watch('value', () => { span = null; });
