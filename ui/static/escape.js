// Escape gives up what the component waits for: it sends the action of its `data-escape` button.
const escaped = event => {
    if (!element.isConnected) return document.removeEventListener('keydown', escaped);
    const waiting = element.querySelector('[data-escape]');
    if (event.key !== 'Escape' || !waiting || waiting.offsetParent === null) return;
    event.preventDefault();
    trigger('click', {action: waiting.dataset.escape, item: ''});
};
document.addEventListener('keydown', escaped);
