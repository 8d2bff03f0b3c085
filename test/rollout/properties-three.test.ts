import { propertyTests } from './property.ts';

propertyTests(2, 4);
