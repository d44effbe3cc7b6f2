// For the whole page: the tab in the address, jobs in the window's title and, from other tabs, as a message; the theme.
(() => {
  const text = window.reelweaveText, NAME = text('name');
  const tabs = () => [...document.querySelectorAll('[role=tab]')];
  const slug = tab => tab.dataset.tabId;
  const wanted = () => location.hash.slice(1).split('/')[0];

  const showTab = () => {
    const tab = tabs().find(one => slug(one) === wanted());
    if (tab && tab.getAttribute('aria-selected') !== 'true') tab.click();
    return tab || !wanted();
  };
  document.addEventListener('click', event => {
    const tab = event.target.closest && event.target.closest('[role=tab]');
    if (!tab || !event.isTrusted || slug(tab) === wanted()) return;
    const run = slug(tab) === 'reconstruct' && window.reelweaveRun;
    history.pushState(null, '', `#${slug(tab)}${run ? `/${run}` : ''}`);
  });
  window.addEventListener('popstate', showTab);

  // The jobs that run, by the name of their panel.
  const running = new Map();
  const setTitle = text => { if (document.title !== text) document.title = text; };
  const titleOf = panel => {
    const step = panel.querySelector('.rw-progress b'), share = panel.querySelector('.rw-progress span');
    return `${((share && share.textContent.match(/\d+ %/)) || [''])[0]} ${step ? step.textContent : ''}`.trim();
  };
  const finished = panel => {
    const failed = panel.querySelector('.rw-error');
    const tab = tabs().find(one => one.getAttribute('aria-controls') === (panel.closest('[role=tabpanel]') || {}).id);
    const said = text(failed ? 'failed' : 'finished', {tab: tab ? tab.textContent.trim() : text('a_job')});
    if (!panel.closest('[role=tabpanel]') || panel.closest('[role=tabpanel]').offsetParent === null) announce(said, tab);
    setTitle(document.hidden || !document.hasFocus() ? `${failed ? '✗' : '✓'} ${said} – ${NAME}` : NAME);
  };
  const announce = (said, tab) => {
    document.querySelectorAll('.rw-toast').forEach(other => other.remove());
    const toast = document.createElement('button');
    toast.type = 'button';
    toast.className = 'rw-toast';
    toast.setAttribute('role', 'status');
    toast.textContent = said;
    toast.addEventListener('click', () => { if (tab) tab.click(); toast.remove(); });
    document.body.append(toast);
    setTimeout(() => toast.remove(), 15000);
  };
  const look = () => {
    for (const panel of document.querySelectorAll('.rw-job')) {
      const busy = panel.querySelector('.rw-progress');
      if (busy) { running.set(panel, true); setTitle(`${titleOf(panel)} – ${NAME}`); }
      else if (running.delete(panel)) finished(panel);
    }
  };
  const restoreTitle = () => { if (!running.size) setTitle(NAME); };
  window.addEventListener('focus', restoreTitle);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) restoreTitle(); });

  let opened = false;
  new MutationObserver(() => {
    if (!opened && tabs().length) opened = Boolean(showTab());
    look();
  }).observe(document, {childList: true, subtree: true, characterData: true});

  // A button that was pressed shows it at once, until the server's answer changes the tab.
  const ANSWER = 20000;  // milliseconds after which no answer is expected any more
  document.addEventListener('click', event => {
    const button = event.target.closest && event.target.closest('[role=tabpanel] button[id]:not(.rw-job *)');
    if (!button || button.disabled) return;
    button.classList.add('rw-pending');
    const answered = () => { button.classList.remove('rw-pending'); seen.disconnect(); };
    const seen = new MutationObserver(answered);
    seen.observe(button.closest('[role=tabpanel]'), {childList: true, characterData: true, subtree: true});
    setTimeout(answered, ANSWER);
  });

  // The theme follows the system until the user chooses one.
  const chosen = () => { try { return localStorage.getItem('reelweave-theme'); } catch { return null; } };
  const apply = () => {
    const dark = chosen() === 'dark';
    if (chosen() && document.body.classList.contains('dark') !== dark) document.body.classList.toggle('dark', dark);
  };
  document.addEventListener('click', event => {
    if (!event.target.closest || !event.target.closest('[data-theme]')) return;
    try { localStorage.setItem('reelweave-theme', document.body.classList.contains('dark') ? 'light' : 'dark'); } catch { return; }
    apply();
  });
  const keepTheme = () => {
    apply();
    // Gradio sets the system's theme some time after the page has loaded.
    new MutationObserver(apply).observe(document.body, {attributes: true, attributeFilter: ['class']});
  };
  if (document.body) keepTheme(); else document.addEventListener('DOMContentLoaded', keepTheme);
})();
