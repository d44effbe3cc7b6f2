// Undo and redo by the usual keys, wherever the focus is, except while the user types.
const undone = event => {
    if (!element.isConnected) return document.removeEventListener('keydown', undone);
    if (!(event.ctrlKey || event.metaKey) || event.altKey || element.offsetParent === null) return;
    const where = event.target, key = event.key.toLowerCase();
    if (where.closest && where.closest('textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])')) return;
    const action = key === 'z' ? (event.shiftKey ? 'redo' : 'undo') : key === 'y' ? 'redo' : '';
    if (!action) return;
    event.preventDefault();
    trigger('click', {action, item: ''});
};
document.addEventListener('keydown', undone);
