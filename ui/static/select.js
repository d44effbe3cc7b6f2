// Tell which results are selected; all of them count if none is.
element.addEventListener('change', event => {
    if (!event.target.matches('[data-select]')) return;
    const chosen = [...element.querySelectorAll('[data-select]:checked')].map(box => box.dataset.select);
    trigger('click', {action: 'select', item: chosen.join(',')});
});
