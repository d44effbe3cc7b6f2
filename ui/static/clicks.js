// Send `data-act` and `data-on` of the clicked button with the `click` event of an HTML component.
element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-act]');
    if (!chosen || !element.contains(chosen)) return;
    element.querySelectorAll('[aria-current]').forEach(other => other.removeAttribute('aria-current'));
    chosen.setAttribute('aria-current', 'true');
    trigger('click', {act: chosen.dataset.act, on: chosen.dataset.on});
});
