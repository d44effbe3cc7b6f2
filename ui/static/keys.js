// `?` shows the keys of the tab, wherever the focus is, except while the user types.
const asked = event => {
    if (!element.isConnected) return document.removeEventListener('keydown', asked);
    const dialog = element.querySelector('dialog'), where = event.target;
    if (event.key !== '?' || dialog.open || element.offsetParent === null) return;
    if (where.closest && where.closest('textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])')) return;
    event.preventDefault();
    dialog.showModal();
};
document.addEventListener('keydown', asked);
element.addEventListener('click', event => {
    if (event.target.closest('[data-keys]')) element.querySelector('dialog').showModal();
});
