// The parts of Vega that charts of a report use. Left out of the full bundle, which is 120 kB
// larger: maps, force layouts, hierarchies, regressions, label placement, word clouds.
import {transforms} from 'vega-dataflow';
import * as encode from 'vega-encode';
import * as data from 'vega-transforms';
import {extend} from 'vega-util';
import * as views from 'vega-view-transforms';

extend(transforms, data, views, encode);

export {expressionInterpreter} from 'vega-interpreter';
export {compile} from 'vega-lite';
export {parse} from 'vega-parser';
export {View} from 'vega-view';
