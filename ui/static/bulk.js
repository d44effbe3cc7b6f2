// Select several rows and act on all of them; ask for a place in a row.
const picks = () => [...element.querySelectorAll('[data-pick]')];
const picked = () => picks().filter(pick => pick.checked).map(pick => pick.dataset.pick);
const show = () => {
    const bulk = element.querySelector('[data-bulk]'), all = element.querySelector('[data-all]');
    if (!bulk) return;
    bulk.hidden = !picked().length;
    bulk.querySelector('[data-count]').textContent = `${picked().length} selected`;
    all.checked = picked().length === picks().length;
    all.indeterminate = picked().length > 0 && !all.checked;
};
element.addEventListener('change', event => {
    if (event.target.matches('[data-all]')) for (const pick of picks()) pick.checked = event.target.checked;
    show();
});
element.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.bulkAction) {
        // A second click confirms what cannot be undone.
        if (button.dataset.sure && button.textContent !== button.dataset.sure) button.textContent = button.dataset.sure;
        else trigger('click', {action: button.dataset.bulkAction, item: picked().join(',')});
    }
    if (button.dataset.locate) locate(button.dataset.locate);
});
const locate = video => trigger('click', {
    action: 'locate', item: JSON.stringify({video, path: element.querySelector('[data-place]').value}),
});
element.addEventListener('keydown', event => {
    if (event.key === 'Enter' && event.target.matches('[data-place]')) {
        event.preventDefault();
        locate(event.target.closest('li').querySelector('[data-locate]').dataset.locate);
    }
});
watch('value', show);
