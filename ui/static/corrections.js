// Change the numbers of a correction where it stands in the list, and warn before corrections go that are not saved.
const save = (entry, value) => trigger('click', {action: 'edit', item: JSON.stringify({key: entry.dataset.key, value})});
const close = (entry, form) => {
    form.remove();
    for (const part of entry.children) part.hidden = false;
    entry.querySelector('[data-edit]').focus();
};
element.addEventListener('click', event => {
    const entry = event.target.closest('[data-edit]')?.closest('[data-key]');
    if (!entry) return;
    const form = document.createElement('form'), field = document.createElement('input'), done = document.createElement('button');
    for (const part of entry.children) part.hidden = true;
    field.value = entry.dataset.value;
    field.size = Math.min(40, field.value.length + 2);
    field.setAttribute('aria-label', entry.querySelector('[data-edit]').getAttribute('aria-label'));
    done.textContent = reelweaveText('save');
    done.className = 'rw-button rw-plain';
    form.append(field, done);
    form.addEventListener('submit', submitted => {
        submitted.preventDefault();
        if (field.value !== entry.dataset.value) save(entry, field.value);
        close(entry, form);
    });
    form.addEventListener('keydown', pressed => {
        if (pressed.key !== 'Escape') return;
        pressed.stopPropagation();
        close(entry, form);
    });
    entry.append(form);
    field.select();
});
const leave = event => {
    if (!element.isConnected) return window.removeEventListener('beforeunload', leave);
    if (element.querySelector('[data-unsaved]')) event.preventDefault();
};
window.addEventListener('beforeunload', leave);
