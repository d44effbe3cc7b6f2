// Tell which results are selected; all of them count if none is. Shift selects a range; the arrow keys go through results.
const boxes = () => [...element.querySelectorAll('[data-select]')];
const hits = () => [...element.querySelectorAll('.rw-hit')];
let latest = -1;
const send = () => trigger('click', {
    action: 'select', item: boxes().filter(box => box.checked).map(box => box.dataset.select).join(','),
});
element.addEventListener('click', event => {
    if (!event.target.matches('[data-select]')) return;
    const at = boxes().indexOf(event.target);
    if (event.shiftKey && latest >= 0) {
        for (const box of boxes().slice(Math.min(at, latest), Math.max(at, latest) + 1)) box.checked = event.target.checked;
    }
    latest = at;
});
element.addEventListener('change', event => {
    if (event.target.matches('[data-select-all]')) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches('[data-select], [data-select-all]')) send();
    const all = element.querySelector('[data-select-all]'), checked = boxes().filter(box => box.checked).length;
    if (all) { all.checked = checked === boxes().length; all.indeterminate = checked > 0 && !all.checked; }
});
element.addEventListener('keydown', event => {
    const at = hits().indexOf(event.target), step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    const next = at >= 0 && step && hits()[at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
});
watch('value', () => { latest = -1; });
