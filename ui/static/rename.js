// The form of a name: Enter keeps it, Escape keeps the old one. The text is selected, so that typing replaces it.
element.addEventListener('submit', event => {
    event.preventDefault();
    const form = event.target;
    trigger('click', {action: 'renamed', item: `${form.dataset.rename} ${form.querySelector('input').value}`});
});
element.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !event.target.closest('[data-rename]')) return;
    event.stopPropagation();
    trigger('click', {action: 'cancel', item: event.target.closest('[data-rename]').dataset.rename});
});
watch('value', () => {
    const name = element.querySelector('[data-rename] input'), kept = element.querySelector('[data-focused] button');
    if (name) name.select();
    else if (kept) kept.focus();
});
