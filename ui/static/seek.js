// A click on a chart shows that place of a film: `data-seek` names the films, `data-film` the one of them, `data-left` and
// `data-right` the shares of the width of the chart between which the film runs.
element.addEventListener('click', event => {
    const chart = event.target.closest('[data-seek]');
    if (!chart) return;
    const box = chart.getBoundingClientRect(), left = +(chart.dataset.left || 0), right = +(chart.dataset.right || 1);
    const share = ((event.clientX - box.left) / box.width - left) / (right - left);
    const detail = {films: chart.dataset.seek, film: chart.dataset.film, share: Math.min(Math.max(0, share), 1)};
    window.dispatchEvent(new CustomEvent('reelweave-seek', {detail}));
});
