/** Prometheus metrics from the diagnostics channels. */
export { HealthMetrics } from './health-metrics.js';
export type { HealthMetricsOptions } from './health-metrics.js';
