// A tour of the tab, one step at a time, which leaves everything usable meanwhile. It starts by its button alone, with the
// film that is shown; only where none is does it ask for the demo film.
const SEEN = 'reelweave-tour';
const card = () => element.querySelector('.rw-tour');
const steps = () => [...element.querySelectorAll('[data-step]')];
let at = -1, marked = null;

const visible = part => part && part.offsetParent !== null;
const target = step => [...document.querySelectorAll(step.dataset.target)].find(visible);
const mark = part => {
    if (marked) marked.classList.remove('rw-toured');
    marked = part || null;
    if (!marked) return;
    marked.classList.add('rw-toured');
    marked.scrollIntoView({block: marked.offsetHeight > innerHeight / 2 ? 'start' : 'center', behavior: 'smooth'});
};
const remembered = () => { try { return localStorage.getItem(SEEN); } catch { return 'seen'; } };
const remember = () => { try { localStorage.setItem(SEEN, 'seen'); } catch { /* it is offered again */ } };
const name = () => { element.querySelector('[data-tour=start]').textContent = element.querySelector('[data-names]').dataset[remembered() ? 'again' : 'first']; };

const show = step => {
    at = step;
    steps().forEach((one, place) => { one.hidden = place !== at; });
    card().querySelector('[data-tour=place]').textContent = `${at + 1} / ${steps().length}`;
    card().querySelector('[data-tour=back]').disabled = at === 0;
    const next = card().querySelector('[data-tour=next]');
    next.textContent = next.dataset[at === steps().length - 1 ? 'done' : 'more'];
    wait();
    mark(target(steps()[at]));
};
// The next step may have to wait for the film.
const wait = () => {
    if (at < 0) return;
    card().querySelector('[data-tour=next]').disabled = at < steps().length - 1 && !target(steps()[at + 1]);
};
const close = () => {
    at = -1;
    card().hidden = true;
    mark(null);
    remember();
    name();
    element.querySelector('[data-tour=start]').focus({preventScroll: true});
};
const actions = {
    start: () => {
        if (!visible(document.querySelector('#rc-films .rw-films'))) trigger('click', {action: 'demo', item: ''});
        card().hidden = false;
        show(0);
        card().focus({preventScroll: true});
    },
    back: () => show(at - 1),
    next: () => { if (at + 1 < steps().length) show(at + 1); else close(); },
    close,
};
element.addEventListener('click', event => {
    const action = actions[event.target.closest('[data-tour]')?.dataset.tour];
    if (action) action();
});
element.addEventListener('keydown', event => {
    if (at < 0 || !card().contains(event.target)) return;
    const next = card().querySelector('[data-tour=next]');
    if (event.key === 'ArrowRight' && !next.disabled) actions.next();
    else if (event.key === 'ArrowLeft' && at > 0) actions.back();
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
});
new MutationObserver(wait).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['class', 'style']});
name();
