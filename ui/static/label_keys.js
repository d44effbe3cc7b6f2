// Let the keys of the buttons work wherever the focus is, except while the user types.
const pressed = event => {
    if (!element.isConnected) return document.removeEventListener('keydown', pressed);
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const where = event.target;
    if (where.closest && where.closest('textarea, select, input:not([type=radio]):not([type=checkbox])')) return;
    const button = element.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key.toUpperCase())}"]`);
    if (!button || button.offsetParent === null) return;
    event.preventDefault();
    button.click();
};
document.addEventListener('keydown', pressed);
