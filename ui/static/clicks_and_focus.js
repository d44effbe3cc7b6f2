// Like clicks.js, and restore the keyboard focus when the answer replaces the HTML of the component clicked last.
element.addEventListener('click', event => {
  const pressed = event.target.closest('[data-act]');
  if (!pressed || !element.contains(pressed)) return;
  const again = `[data-act="${pressed.dataset.act}"][data-on="${pressed.dataset.on}"]`;
  window.reelweavePressed = {element, again};
  trigger('click', {act: pressed.dataset.act, on: pressed.dataset.on});
});
watch('value', () => {
  const last = window.reelweavePressed;
  if (last && last.element === element && document.activeElement === document.body) {
    const pressed = element.querySelector(last.again);
    if (pressed) pressed.focus({preventScroll: true});
  }
});
