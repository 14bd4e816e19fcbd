/* Runs a model of three inputs and outputs on 1, -2 and 3. For a_c_program_runs_a_model. */
#include <stdio.h>

#include "sinew.h"

int main(int count, char **arguments) {
    static uint8_t file[4096], arena[4096];
    static const float input[3] = {1, -2, 3};
    float output[3];
    sinew_model model;
    sinew_status status;
    size_t length;
    FILE *stream = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (!stream) return 1;
    length = fread(file, 1, sizeof file, stream);
    fclose(stream);
    status = sinew_model_parse(file, length, &model);
    if (status == SINEW_OK) {
        status = sinew_run(&model, arena, sizeof arena, input, 3, output, 3);
    }
    if (status != SINEW_OK) {
        puts(sinew_status_message(status));
        return 1;
    }
    printf("%.1f %.1f %.1f\n", output[0], output[1], output[2]);
    return 0;
}
