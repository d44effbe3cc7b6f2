// Select rows, also on several pages, and act on all of them; ask for a place in a row.
// `everything` is the filter whose videos are all selected, also those on other pages.
let chosen = new Set(), everything = null;
const filter = () => element.querySelector('[data-filter]').dataset.filter;
const picks = () => [...element.querySelectorAll('[data-pick]')];
const show = () => {
    const bulk = element.querySelector('[data-bulk]'), all = element.querySelector('[data-all]');
    if (!bulk) return;
    for (const pick of picks()) pick.checked = everything !== null || chosen.has(pick.dataset.pick);
    const here = picks().filter(pick => pick.checked).length;
    const count = everything !== null ? element.querySelector('[data-matching]').dataset.matching : chosen.size;
    bulk.hidden = everything === null && !chosen.size;
    bulk.querySelector('[data-count]').textContent = reelweaveText('selected', {count});
    const whole = bulk.querySelector('[data-everything]');
    if (whole) whole.hidden = everything !== null || here < picks().length;
    all.checked = here > 0 && here === picks().length;
    all.indeterminate = here > 0 && !all.checked;
    for (const button of bulk.querySelectorAll('[data-sure]')) ask(button, false);
};
const ask = (button, asking) => {
    button.dataset.label = button.dataset.label || button.textContent;
    button.textContent = asking ? button.dataset.sure : button.dataset.label;
    button.toggleAttribute('data-asking', asking);
};
const pick = (video, picked) => { if (picked) chosen.add(video); else chosen.delete(video); };
element.addEventListener('change', event => {
    if (!event.target.matches('[data-all], [data-pick]')) return;
    if (everything !== null) { everything = null; chosen = new Set(picks().map(one => one.dataset.pick)); }
    if (event.target.matches('[data-all]')) for (const one of picks()) pick(one.dataset.pick, event.target.checked);
    else pick(event.target.dataset.pick, event.target.checked);
    show();
});
element.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.hasAttribute('data-everything')) { everything = filter(); show(); element.querySelector('[data-all]').focus(); }
    if (button.dataset.bulkAction) {
        // A second click confirms what cannot be undone.
        if (button.dataset.sure && !button.hasAttribute('data-asking')) { ask(button, true); return; }
        trigger('click', {action: button.dataset.bulkAction, item: everything !== null ? `*${everything}` : [...chosen].join(',')});
        // Other actions leave the selection, so that they can be started again.
        if (button.dataset.sure) { chosen = new Set(); everything = null; }
    }
    if (button.dataset.action === 'yes') chosen.delete(button.dataset.item);
    if (button.dataset.locate) locate(button.dataset.locate);
});
const locate = video => trigger('click', {
    action: 'locate', item: JSON.stringify({video, path: element.querySelector('[data-place]').value}),
});
element.addEventListener('submit', event => {
    event.preventDefault();
    trigger('click', {action: 'locate_all', item: event.target.querySelector('input').value});
});
element.addEventListener('keydown', event => {
    if (event.key === 'Enter' && event.target.matches('[data-place]')) {
        event.preventDefault();
        locate(event.target.closest('li').querySelector('[data-locate]').dataset.locate);
    }
});
watch('value', () => { if (everything !== filter()) everything = null; show(); });
