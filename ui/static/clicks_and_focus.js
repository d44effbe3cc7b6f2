// Like clicks.js, and restore the keyboard focus when the answer replaces the HTML of the component clicked last.
element.addEventListener('click', event => {
  const pressed = event.target.closest('[data-action]');
  if (!pressed || !element.contains(pressed)) return;
  const again = `[data-action="${pressed.dataset.action}"][data-item="${pressed.dataset.item}"]`;
  window.reelweavePressed = {element, again};
  trigger('click', {action: pressed.dataset.action, item: pressed.dataset.item});
});
watch('value', () => {
  const last = window.reelweavePressed;
  if (last && last.element === element && document.activeElement === document.body) {
    const pressed = element.querySelector(last.again);
    if (pressed) pressed.focus({preventScroll: true});
  }
  for (const strip of element.querySelectorAll('.rw-strip')) {
    const chosen = strip.querySelector('.rw-frame-selected');
    if (chosen) strip.scrollLeft = chosen.offsetLeft - strip.offsetLeft - (strip.clientWidth - chosen.clientWidth) / 2;
  }
});
