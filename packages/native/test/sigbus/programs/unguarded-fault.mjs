// A load from a truncated file through a mapping without a guard. It does not come back. Arguments: none.
import { injector } from '../../fault-injector.mjs';
import { report } from './report.mjs';

report({ doing: 'load' });
report({ returned: injector.faultForeignMapping() });
