// A message of the panel: close it, do what it offers, or start again what a remedy has made possible.
const press = selector => document.querySelector(selector)?.click();
element.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.matches('[data-dismiss]')) button.parentElement.remove();
    else if (button.dataset.press) press(button.dataset.press);
    else if (button.dataset.action) {
        const {action, item, again} = button.dataset, place = button.parentElement.querySelector('[data-place]')?.value || '';
        // What is called `path` would be taken for an uploaded file.
        trigger('click', {action, item, again, place});
    }
});
element.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !event.target.matches('[data-place]')) return;
    event.preventDefault();
    event.target.closest('label').nextElementSibling.click();
});
watch('value', () => {
    const done = element.querySelector('[data-press-now]');
    if (done) press(done.dataset.pressNow);
});
