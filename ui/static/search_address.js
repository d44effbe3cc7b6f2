// Keep the search in the address: open the one that the address spells out, and write the one whose results are shown.
const TAB = '#search';
const linkOf = () => location.hash.startsWith(`${TAB}/`) ? location.hash.slice(TAB.length + 1) : '';
let shown = '';
const open = () => {
    if (!element.isConnected) return window.removeEventListener('popstate', open);
    if (!linkOf() || linkOf() === shown) return;
    shown = linkOf();
    trigger('click', {action: 'open', item: shown});
};
const address = () => shown ? `${TAB}/${shown}` : TAB;
watch('value', () => {
    const named = element.querySelector('[data-link]');
    if (!named || named.dataset.link === shown) return;
    shown = named.dataset.link;
    if (location.hash.split('/')[0] === TAB) history.pushState(null, '', address());
});
// The tab itself only names the tab.
const returned = event => {
    if (!element.isConnected) return document.removeEventListener('click', returned);
    if (event.isTrusted && event.target.closest && event.target.closest('[role=tab]') && location.hash === TAB) {
        history.replaceState(null, '', address());
    }
};
document.addEventListener('click', returned);
window.addEventListener('popstate', open);
open();
