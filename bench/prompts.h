/* The texts of bench/prompts/, made by scripts/embed.py. */
#ifndef AGLM_BENCH_PROMPTS_H
#define AGLM_BENCH_PROMPTS_H

extern const char aglm_prompt_voice_zh[], aglm_prompt_voice_en[], aglm_prompt_chat_zh[],
    aglm_prompt_chat_en[], aglm_prompt_ref[], aglm_prompt_summary_zh[], aglm_prompt_summary_en[],
    aglm_prompt_agent_zh[], aglm_prompt_agent_en[], aglm_prompt_agent_image_zh[],
    aglm_prompt_agent_next_zh[], aglm_prompt_tools_en[], aglm_prompt_long_zh[];

#endif
