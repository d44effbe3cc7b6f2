// Send `data-action` and `data-item` of the clicked button with the `click` event of an HTML component.
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-action]');
    if (!chosen || !element.contains(chosen)) return;
    element.querySelectorAll('[aria-current]').forEach(other => other.removeAttribute('aria-current'));
    chosen.setAttribute('aria-current', 'true');
    trigger('click', {action: chosen.dataset.action, item: chosen.dataset.item});
});
// An answer that asks a question moves the focus to it.
watch('value', () => {
    const asked = element.querySelector('[data-focus]');
    if (asked) asked.focus({preventScroll: false});
});
