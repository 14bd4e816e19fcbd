/* The C interface of Sinew's runtime: loads a compressed sparse neural network and runs it.
 *
 * Nothing here allocates, keeps global state or calls back. Functions of one model may run in several
 * threads at once, each with an arena of its own. Not covered: choosing kernels, looking into steps;
 * that is what the Rust crate sinew-runtime is for.
 *
 *     sinew_model model;
 *     if (sinew_model_parse(bytes, length, &model) != SINEW_OK) ...
 *     void *arena = malloc(sinew_model_arena_bytes(&model));
 *     sinew_status status = sinew_run(&model, arena, arena_length, image, image_length, logits, 10);
 *     if (status != SINEW_OK) puts(sinew_status_message(status));
 */
#ifndef SINEW_H
#define SINEW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a function answers. */
typedef enum sinew_status {
    /* All went well. */
    SINEW_OK = 0,
    /* A pointer is null. */
    SINEW_NULL_POINTER = 1,
    /* The bytes are not a valid model. */
    SINEW_MALFORMED = 2,
    /* The model has not been parsed successfully. */
    SINEW_NO_MODEL = 3,
    /* The arena is smaller than sinew_model_arena_bytes. */
    SINEW_ARENA_TOO_SMALL = 4,
    /* The input's length is not the product of sinew_model_input_shape. */
    SINEW_INPUT_LENGTH = 5,
    /* The output's length is not sinew_model_output_len. */
    SINEW_OUTPUT_LENGTH = 6
} sinew_status;

/* Storage for a parsed model, on the stack or wherever the caller likes. It refers to the file's bytes
 * and may be copied. Every function but sinew_model_parse wants one that sinew_model_parse has filled. */
typedef struct sinew_model {
    uint64_t opaque[24];
} sinew_model;

/* Verifies the `length` bytes of a file and fills `model`. The bytes may lie at any address; they must
 * stay there, unchanged, for as long as the model is used. After an error the model holds nothing. */
sinew_status sinew_model_parse(const uint8_t *bytes, size_t length, sinew_model *model);

/* The bytes of memory that sinew_run needs, wherever that memory starts; 0 if there is no model. */
size_t sinew_model_arena_bytes(const sinew_model *model);

/* Writes the shape of the input to `shape`: channels, height, width. */
sinew_status sinew_model_input_shape(const sinew_model *model, size_t shape[3]);

/* The number of values in the output; 0 if there is no model. */
size_t sinew_model_output_len(const sinew_model *model);

/* Computes one output from one input, both in row-major order. Lengths of input and output are in
 * values, that of the arena in bytes. Arena, input and output must not overlap; what the arena contains
 * does not matter. */
sinew_status sinew_run(const sinew_model *model, void *arena, size_t arena_length, const float *input,
                       size_t input_length, float *output, size_t output_length);

/* A sentence fragment that says what a status means; never null, lives for ever. */
const char *sinew_status_message(sinew_status status);

#ifdef __cplusplus
}
#endif

#endif
