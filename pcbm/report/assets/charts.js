// Draws every chart of the page from the Vega-Lite specification that stands in it. Expressions
// are interpreted, since the page's policy forbids to make code from text.
(() => {
  'use strict';
  const PHONE = 520; // pixels
  const NUMBERS = 6; // columns of a map that leave room for numbers on a phone
  const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif';

  const config = narrow => ({
    aria: false,
    background: null,
    font,
    view: {stroke: null},
    axis: {
      domainColor: 'var(--rule)', tickColor: 'var(--rule)', gridColor: 'var(--faint)',
      labelColor: 'var(--soft)', titleColor: 'var(--soft)', labelFontSize: 12, titleFontSize: 12,
      titleFontWeight: 'normal', titlePadding: 8, labelPadding: 5
    },
    axisY: narrow ? {labelLimit: 150, labelFontSize: 11} : {labelLimit: 230},
    axisX: {labelFlush: true},
    legend: {
      orient: 'top', title: null, symbolType: 'circle', symbolOpacity: 1, labelColor: 'var(--soft)',
      labelFontSize: 12, offset: 6, padding: 0
    },
    text: {color: 'var(--ink)', fontSize: 12}
  });

  // Nothing is ever loaded: charts hold their data.
  const loader = {
    load: () => Promise.reject(new Error('charts load nothing')),
    sanitize: () => Promise.reject(new Error('charts link to nothing'))
  };

  const draw = figure => {
    const place = figure.querySelector('div');
    const spec = JSON.parse(figure.querySelector('script').textContent);
    const narrow = place.clientWidth < PHONE;
    if (narrow && spec.usermeta?.columns > NUMBERS) {
      spec.layer = spec.layer.filter(layer => layer.mark.type !== 'text');
    }
    const {spec: compiled} = vega.compile(spec, {config: config(narrow)});
    const runtime = vega.parse(compiled, {events: {bind: 'none'}}, {ast: true});
    const view = new vega.View(runtime, {
      expr: vega.expressionInterpreter, loader, renderer: 'svg', container: place
    });
    return view.runAsync().then(() => figure.classList.add('drawn'));
  };

  // One after the other, so that the page can be scrolled meanwhile.
  const figures = [...document.querySelectorAll('figure.chart')];
  figures.reduce(
    (before, figure) => before.then(() => draw(figure)).catch(error => {
      figure.classList.add('failed');
      console.error(error);
    }),
    Promise.resolve()
  );
})();
