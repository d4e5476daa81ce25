// Search boxes: show what holds the words, open what is folded over it, and say how many there are.
(() => {
  'use strict';
  const plain = text => text.normalize('NFKC').toLowerCase().trim();

  for (const box of document.querySelectorAll('input[data-search]')) {
    const items = [...document.querySelectorAll(box.dataset.search)];
    const names = items.map(item => [...item.querySelectorAll('bdi')].map(b => plain(b.textContent)));
    const told = box.parentElement.querySelector('[role=status]');
    box.addEventListener('input', () => {
      const wanted = plain(box.value);
      let count = 0;
      items.forEach((item, i) => {
        const hit = names[i].some(name => name.includes(wanted));
        item.hidden = !hit;
        count += hit;
        if (wanted && hit) {
          for (let up = item.parentElement; up; up = up.parentElement) {
            if (up.tagName === 'DETAILS') up.open = true;
          }
          for (const inner of item.querySelectorAll('details')) {
            inner.open = [...inner.querySelectorAll('bdi')].some(b => plain(b.textContent).includes(wanted));
          }
        }
        for (const b of item.querySelectorAll('tbody bdi')) {
          b.classList.toggle('hit', wanted !== '' && plain(b.textContent).includes(wanted));
        }
      });
      told.textContent = wanted ? `${count} of ${items.length}` : '';
    });
    box.parentElement.hidden = false;
  }
})();
