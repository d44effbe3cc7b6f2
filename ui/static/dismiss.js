// Close a message of the panel.
element.addEventListener('click', event => {
    const message = event.target.closest('[data-dismiss]')?.parentElement;
    if (message) message.remove();
});
