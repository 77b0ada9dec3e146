/* devices/thresholds.ini, built into the program by scripts/embed.py. */
#ifndef AGLM_PROBES_THRESHOLDS_DEFAULT_H
#define AGLM_PROBES_THRESHOLDS_DEFAULT_H

extern const char aglm_thresholds_default[];

#endif
