// Keep the run in the address: open the one that the address names, and write the one that the value names.
const runOf = () => location.hash.slice(1).split('/')[1] || '';
const write = () => {
    const named = element.querySelector('[data-run]');
    if (!named || named.dataset.run === runOf()) return;
    window.reelweaveRun = named.dataset.run;
    history.replaceState(null, '', `#reconstruct/${named.dataset.run}`);
};
watch('value', write);
if (runOf()) {
    window.reelweaveRun = runOf();
    trigger('click', {action: 'open', item: runOf()});
}
